-- Load for wrk: Debugging Events as Twilio sends them, each with a Sid of its own and signed afresh.
--
-- The body is that of tests/payloads/05-voice-blacklisted-ip.json, with a call of its own in each request: events of one cause, as
-- they come in a storm. The rest is prepared once, so signing costs one HMAC, by the libcrypto that wrk is linked with; wrk must
-- not be the slower side.
--
-- Arguments: "signed" or "plain" (one constant body, for a server that only reads it), or the same as batches of Event Streams, "batches"
-- or "plain-batch", a hundred events each; then a number that keeps the Sids of two runs apart.

local ffi = require("ffi")
ffi.cdef [[
  typedef struct evp_md_st EVP_MD;
  const EVP_MD *EVP_sha1(void);
  unsigned char *HMAC(const EVP_MD *md, const void *key, int key_len, const unsigned char *data, size_t count,
                      unsigned char *mac, unsigned int *mac_len);
  unsigned char *SHA256(const unsigned char *data, size_t count, unsigned char *hash);
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

-- What stands before, between and behind the two places of the payload that name the call.
local call = "CA00000000000000000000000000000005"
local parts = {}
for part in (payload .. call):gmatch("(.-)" .. call) do parts[#parts + 1] = part end

local form = {
  "AccountSid=" .. account .. "&Level=ERROR&ParentAccountSid=&Payload=" .. encode(parts[1]),
  encode(parts[2]),
  encode(parts[3]) .. "&PayloadType=application%2Fjson&Sid=",
  "&Timestamp=" .. encode(time),
}
local text = {
  url .. "AccountSid" .. account .. "LevelERRORParentAccountSidPayload" .. parts[1],
  parts[2],
  parts[3] .. "PayloadTypeapplication/jsonSid",
  "Timestamp" .. time,
}

local kind, run, thread_number, number = "signed", 0, 0, 0
local mac, mac_len, encoded = ffi.new("unsigned char[20]"), ffi.new("unsigned int[1]"), ffi.new("unsigned char[32]")
local sha1 = crypto.EVP_sha1()

-- The same failure as Event Streams tells it: data.payload is JSON in a text.
local batch_events = 100
local hash = ffi.new("unsigned char[32]")
local stream = {
  '{"specversion":"1.0","type":"com.twilio.error-logs.error.logged","source":"AB00000000000000000000000001","id":"',
  '","dataschema":"https://events-schemas.twilio.com/ErrorLogs.Error/2","datacontenttype":"application/json","time":"' .. time
    .. '","data":{"sid":"',
  '","account_sid":"' .. account .. '","date_created":"' .. time .. '","level":"ERROR","master_account_sid":null,"request_sid":"RQ'
    .. string.rep("0", 32) .. '","service_sid":null,"correlation_sid":"',
  '","product_name":"Programmable Voice","error_code":"11200","payload":"{\\"resource_sid\\":\\"',
  '\\",\\"error_code\\":11200,\\"message\\":\\"Got HTTP 502 response to http://10.0.0.5:8080/ivr?stanza=menu\\"}"}}',
}

local function batch_body(call_of, sid_of)
  local events = {}
  for index = 1, batch_events do
    local call, sid = call_of(), sid_of(index)
    events[index] = stream[1] .. sid .. stream[2] .. sid .. stream[3] .. call .. stream[4] .. call .. stream[5]
  end
  return "[" .. table.concat(events, ",") .. "]"
end

local function batch(body)
  crypto.SHA256(body, #body, hash)
  local digits = {}
  for index = 0, 31 do digits[index + 1] = bit.tohex(hash[index], 2) end
  local query = "?bodySHA256=" .. table.concat(digits)
  local data = url .. query
  crypto.HMAC(sha1, token, #token, data, #data, mac, mac_len)
  crypto.EVP_EncodeBlock(encoded, mac, 20)
  return "POST /twilio" .. query .. " HTTP/1.1\r\nHost: hooks.example.com\r\nContent-Type: application/json\r\nContent-Length: "
    .. #body .. "\r\nX-Twilio-Signature: " .. ffi.string(encoded, 28) .. "\r\n\r\n" .. body
end

local function body(call, sid)
  return form[1] .. call .. form[2] .. call .. form[3] .. sid .. form[4]
end

local function signature(call, sid)
  local data = text[1] .. call .. text[2] .. call .. text[3] .. sid .. text[4]
  crypto.HMAC(sha1, token, #token, data, #data, mac, mac_len)
  crypto.EVP_EncodeBlock(encoded, mac, 20)
  return ffi.string(encoded, 28)
end

-- Marsaglia's xorshift: eight hexadecimal digits that say nothing of the next ones.
local state = 2463534242
local function digits()
  state = bit.bxor(state, bit.lshift(state, 13))
  state = bit.bxor(state, bit.rshift(state, 17))
  state = bit.bxor(state, bit.lshift(state, 5))
  return bit.tohex(state)
end

local threads = 0
function setup(thread)
  threads = threads + 1
  thread:set("thread_number", threads)
end

local constant
function init(args)
  kind = args[1] or "signed"
  run = tonumber(args[2] or "0")
  thread_number = thread_number or 0
  local call, sid = "CA" .. string.rep("0", 32), "NO" .. string.rep("0", 32)
  constant = wrk.format("POST", "/twilio", {
    ["Content-Type"] = "application/x-www-form-urlencoded; charset=utf-8",
    ["Host"] = "hooks.example.com",
    ["X-Twilio-Signature"] = signature(call, sid),
  }, body(call, sid))
  if kind == "plain-batch" then
    constant = batch(batch_body(function() return call end, function() return sid end))
  end
end

local head = "POST /twilio HTTP/1.1\r\nHost: hooks.example.com\r\n"
  .. "Content-Type: application/x-www-form-urlencoded; charset=utf-8\r\nContent-Length: "
  .. (#form[1] + #form[2] + #form[3] + #form[4] + 3 * #call) .. "\r\nX-Twilio-Signature: "

local function new_call() return "CA" .. digits() .. digits() .. digits() .. digits() end
local function new_sid()
  number = number + 1
  return "NO" .. bit.tohex(number) .. bit.tohex(16 * run + thread_number) .. digits() .. digits()
end

function request()
  if kind == "plain" or kind == "plain-batch" then return constant end
  if kind == "batches" then return batch(batch_body(new_call, new_sid)) end
  local call, sid = new_call(), new_sid()
  return head .. signature(call, sid) .. "\r\n\r\n" .. body(call, sid)
end

function done(summary, latency)
  local errors = summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout
  io.write(string.format('{"requests": %d, "seconds": %.3f, "errors": %d, "not_2xx": %d, "p50_ms": %.3f, "p99_ms": %.3f, "max_ms": %.3f}\n',
    summary.requests, summary.duration / 1e6, errors, summary.errors.status,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000, latency.max / 1000))
end
