-- Load for wrk: Debugging Events as Twilio sends them, each with a Sid of its own and signed afresh.
--
-- The body is that of tests/payloads/05-voice-blacklisted-ip.json. Only the Sid changes from request to request, so signing costs one
-- HMAC, by the libcrypto that wrk is linked with; wrk must not be the slower side.
--
-- Arguments: "signed" or "plain" (one constant body, for a server that only reads it), then a number that keeps the Sids of
-- two runs apart.

local ffi = require("ffi")
ffi.cdef [[
  typedef struct evp_md_st EVP_MD;
  const EVP_MD *EVP_sha1(void);
  unsigned char *HMAC(const EVP_MD *md, const void *key, int key_len, const unsigned char *data, size_t count,
                      unsigned char *mac, unsigned int *mac_len);
  int EVP_EncodeBlock(unsigned char *text, const unsigned char *data, int count);
]]
local crypto = ffi.load("crypto.so.3")

local token = "0123456789abcdef0123456789abcdef"
local url = "https://hooks.example.com/twilio"
local account = "AC00000000000000000000000000000001"
local payload = [[{"resource_sid":"CA00000000000000000000000000000005","service_sid":null,"error_code":"11200","more_info":{"Msg":"Got HTTP 502 response to http://10.0.0.5:8080/ivr?stanza=menu","ErrorCode":"11200","LogLevel":"ERROR"},"webhook":{"type":"application/json","request":{"url":"http://10.0.0.5:8080/ivr?stanza=menu","method":"POST","headers":{},"parameters":{"CallSid":"CA00000000000000000000000000000005","CallStatus":"in-progress","Direction":"outbound-api","From":"+15550100001","CallerCity":"BEAVERTON"}},"response":{"status_code":null,"headers":{"x-envoy-upstream-service-time":"2","x-twilio-reason":"Blacklisted IP","Server":"envoy","Content-Length":"539","x-twilio-webhookattempt":"1","Content-Type":"text/html"},"body":"Twilio was unable to fetch content from: http://10.0.0.5:8080/ivr\nError: Blacklisted IP 10.0.0.5"}}}]]
local time = "2026-01-02T03:04:05.678Z"

local function encode(text)
  return (text:gsub("[^%w%-_.~]", function(c) return string.format("%%%02X", c:byte()) end))
end

local before_sid = "AccountSid=" .. account .. "&Level=ERROR&ParentAccountSid=&Payload=" .. encode(payload)
  .. "&PayloadType=application%2Fjson&Sid="
local after_sid = "&Timestamp=" .. encode(time)
local signed_before = url .. "AccountSid" .. account .. "LevelERRORParentAccountSidPayload" .. payload
  .. "PayloadTypeapplication/jsonSid"
local signed_after = "Timestamp" .. time

local signed, run, thread_number, number = true, 0, 0, 0
local mac, mac_len, text = ffi.new("unsigned char[20]"), ffi.new("unsigned int[1]"), ffi.new("unsigned char[32]")
local sha1 = crypto.EVP_sha1()

local function signature(sid)
  local data = signed_before .. sid .. signed_after
  crypto.HMAC(sha1, token, #token, data, #data, mac, mac_len)
  crypto.EVP_EncodeBlock(text, mac, 20)
  return ffi.string(text, 28)
end

local threads = 0
function setup(thread)
  threads = threads + 1
  thread:set("thread_number", threads)
end

local constant
function init(args)
  signed = args[1] ~= "plain"
  run = tonumber(args[2] or "0")
  thread_number = thread_number or 0
  local sid = string.format("NO%032x", 0)
  constant = wrk.format("POST", "/twilio", {
    ["Content-Type"] = "application/x-www-form-urlencoded; charset=utf-8",
    ["Host"] = "hooks.example.com",
    ["X-Twilio-Signature"] = signature(sid),
  }, before_sid .. sid .. after_sid)
end

local head = "POST /twilio HTTP/1.1\r\nHost: hooks.example.com\r\n"
  .. "Content-Type: application/x-www-form-urlencoded; charset=utf-8\r\nContent-Length: "
  .. (#before_sid + 34 + #after_sid) .. "\r\nX-Twilio-Signature: "

function request()
  if not signed then return constant end
  number = number + 1
  local sid = string.format("NO%08x%08x%016x", run, thread_number, number)
  return head .. signature(sid) .. "\r\n\r\n" .. before_sid .. sid .. after_sid
end

function done(summary, latency)
  local errors = summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout
  io.write(string.format('{"requests": %d, "seconds": %.3f, "errors": %d, "not_2xx": %d, "p50_ms": %.3f, "p99_ms": %.3f, "max_ms": %.3f}\n',
    summary.requests, summary.duration / 1e6, errors, summary.errors.status,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000, latency.max / 1000))
end
