"""Fills a store with a little of everything, as a released version writes it: `fill.py BINARY FOLDER`.

Leaves in FOLDER `events.db`, carried over from its log, and `metrics.txt`, the last page that a Prometheus was shown. What a version has
written stays in this repository as it is: every later one must take it over.
"""

import base64
import contextlib
import hashlib
import hmac
import http.server
import json
import os
import pathlib
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

TOKEN = "0123456789abcdef0123456789abcdef"
ACCOUNT = "AC00000000000000000000000000000001"
URL = "https://hooks.example.com/twilio"
WEBHOOK, TELEMETRY, COLLECTOR = 18080, 19979, 14318
DEADLINE_SECONDS = 30


class Collector(http.server.BaseHTTPRequestHandler):
    """Refuses records of code 31002 for good, and drops one of code 30003."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        status, answer = 200, b""
        if b"31002" in body:
            status, answer = 400, b"\x08\x03\x12\x08no 31002"
        elif b"30003" in body:
            answer = b"\x0a\x0b\x08\x01\x12\x07dropped"
        self.send_response(status)
        self.send_header("content-type", "application/x-protobuf")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


def event(number, code, level="ERROR"):
    payload = {
        "resource_sid": f"CA{number:032x}",
        "service_sid": "",
        "error_code": str(code),
        "more_info": {"Msg": f"event {number}", "LogLevel": level},
    }
    return {
        "AccountSid": ACCOUNT,
        "Sid": f"NO{number:032x}",
        "ParentAccountSid": "",
        "Timestamp": f"2026-01-02T03:{number // 60 % 60:02}:{number % 60:02}.678Z",
        "Level": level,
        "PayloadType": "application/json",
        "Payload": json.dumps(payload),
    }


def post(fields, expected=204, signature=None):
    text = URL + "".join(name + value for name, value in sorted(fields.items()))
    mac = hmac.new(TOKEN.encode(), text.encode(), hashlib.sha1).digest()
    request = urllib.request.Request(
        f"http://127.0.0.1:{WEBHOOK}/twilio",
        urllib.parse.urlencode(fields).encode(),
        {
            "X-Twilio-Signature": signature or base64.b64encode(mac).decode(),
            "Content-Type": "application/x-www-form-urlencoded",
        },
    )
    try:
        status = urllib.request.urlopen(request).status
    except urllib.error.HTTPError as error:
        status = error.code
    assert status == expected, (status, fields)


def page():
    headers = {"X-Prometheus-Scrape-Timeout-Seconds": "10"}
    request = urllib.request.Request(f"http://127.0.0.1:{TELEMETRY}/metrics", headers=headers)
    return urllib.request.urlopen(request).read().decode()


def wait(what, condition):
    deadline = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            if condition():
                return
        time.sleep(0.1)
    sys.exit(f"{what}: not within {DEADLINE_SECONDS} s")


def fill(collector):
    codes = [(11200, "ERROR", 40), (12100, "WARNING", 25), (13224, "ERROR", 3), (31002, "ERROR", 2), (30003, "WARNING", 1)]
    events = [(code, level) for code, level, count in codes for _ in range(count)]
    # One of these fits below the limit of six codes.
    events += [(code, "ERROR") for code in (20001, 20002, 20003)]
    for number, (code, level) in enumerate(events, 1):
        post(event(number, code, level))
    for number in (1, 2, 3, 41, 70):
        post(event(number, 11200))
    post({name: value for name, value in event(900, 11200).items() if name != "Sid"})
    post(event(901, 11200) | {"Payload": "no JSON"})
    post(event(902, 11200), 403, "x" * 27 + "=")
    settled = ('reason="otlp_rejected"} 2', 'class="partial_success"} 1', "otlp_records_total 71")
    wait("what the collector takes", lambda: all(line in page() for line in settled))
    collector.shutdown()
    collector.server_close()
    # What no collector has taken yet.
    for number in range(len(events) + 1, len(events) + 8):
        post(event(number, 13224))
    # The second page shows what the first had to show at 0.
    page()
    return page()


def main(binary, folder):
    collector = http.server.ThreadingHTTPServer(("127.0.0.1", COLLECTOR), Collector)
    threading.Thread(target=collector.serve_forever, daemon=True).start()
    environment = os.environ | {
        "TWILIO_ACCOUNT_SID": ACCOUNT,
        "TWILIO_AUTH_TOKEN": TOKEN,
        "PUBLIC_URL": URL,
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{COLLECTOR}",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
    }
    with tempfile.TemporaryDirectory() as data:
        flags = {
            "webhook.listen": f"127.0.0.1:{WEBHOOK}",
            "telemetry.listen": f"127.0.0.1:{TELEMETRY}",
            "store.dir": data,
            "metrics.error_codes_max": "6",
        }
        command = [binary, "serve", *(word for name, value in flags.items() for word in (f"--{name}", value))]
        process = subprocess.Popen(command, env=environment)
        try:
            wait("its start", page)
            metrics = fill(collector)
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
        store = sqlite3.connect(f"{data}/events.db")
        store.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        store.close()
        (folder / "events.db").write_bytes(pathlib.Path(data, "events.db").read_bytes())
    (folder / "metrics.txt").write_text(metrics)


if __name__ == "__main__":
    main(sys.argv[1], pathlib.Path(sys.argv[2]))
