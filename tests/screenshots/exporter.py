"""The exporter itself, the real binary, under a clock that tells it another time; and Twilio, which posts to it."""

import http.client
import json
import mmap
import os
import struct
import subprocess
import time
import urllib.request

from processes import ROOT, TOOLS, Program, free_port
from twilio_events import TOKENS

PUBLIC_URL = "https://hooks.example.com/twilio"


class Clock:
    """The time that a process sees which was started with `environment`."""

    def __init__(self, folder, now):
        library, file = folder / "clock.so", folder / "clock"
        source = ROOT / "tests/screenshots/clock.c"
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, source], check=True)
        file.write_bytes(bytes(8))
        with file.open("r+b") as opened:
            self._page = mmap.mmap(opened.fileno(), 8)
        self.environment = {"LD_PRELOAD": str(library), "SIMULATED_CLOCK": str(file)}
        self.set(now)

    def set(self, now):
        self.now = now
        self._page[:] = struct.pack("=q", int(now * 1e9))


class Signer:
    """Twilio's own SDK for Python, which signs."""

    def __init__(self):
        command = [str(TOOLS / "python/bin/python"), str(ROOT / "tests/sdk/sign.py")]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def sign(self, token, fields):
        request = {"url": PUBLIC_URL, "token": token, "params": fields}
        self._process.stdin.write(json.dumps(request).encode() + b"\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        return answer["signature"], answer["body"]

    def end(self):
        self._process.stdin.close()
        self._process.wait()


class Exporter:
    """The exporter and the connections of those who talk to it."""

    def __init__(self, binary, folder, clock, otlp_endpoint):
        self.binary, self.folder, self.clock = binary, folder, clock
        self.webhook, self.telemetry = free_port(), free_port()
        accounts = []
        for account, token in TOKENS.items():
            (folder / f"token-{account}").write_text(token)
            accounts.append({"sid": account, "auth_token_files": [str(folder / f"token-{account}")]})
        config = {
            "public_url": PUBLIC_URL,
            "accounts": accounts,
            "webhook": {"listen": f"127.0.0.1:{self.webhook}"},
            "telemetry": {"listen": f"127.0.0.1:{self.telemetry}"},
            "store": {"dir": str(folder / "data")},
            "otlp": {"endpoint": otlp_endpoint, "protocol": "http/protobuf"},
        }
        # JSON is YAML.
        (folder / "config.yml").write_text(json.dumps(config))
        self.start()

    def start(self):
        environment = {**os.environ, **self.clock.environment}
        command = [str(self.binary), "serve", "--config", str(self.folder / "config.yml")]
        self.program = Program("the exporter", command, self.folder / "exporter.log", environment)
        self.program.ready(f"http://127.0.0.1:{self.telemetry}/-/ready")
        self._webhook = http.client.HTTPConnection("127.0.0.1", self.webhook, timeout=30)
        self._telemetry = http.client.HTTPConnection("127.0.0.1", self.telemetry, timeout=30)

    def stop(self):
        self.disconnect()
        self.program.end()

    def disconnect(self):
        """Closes the connections; the next request opens one. The exporter closes those that are quiet for some seconds."""
        self._webhook.close()
        self._telemetry.close()

    def post(self, signature, body):
        """The status of an answer to a webhook."""
        headers = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8", "X-Twilio-Signature": signature}
        self._webhook.request("POST", "/twilio", body, headers)
        answer = self._webhook.getresponse()
        answer.read()
        return answer.status

    def scrape(self):
        """The metrics page as a Prometheus gets it, and how long it took."""
        started = time.monotonic()
        # Only a Prometheus says how long it waits; by this header the exporter knows one, and shows it new series at 0 first.
        self._telemetry.request("GET", "/metrics", headers={"X-Prometheus-Scrape-Timeout-Seconds": "10"})
        page = self._telemetry.getresponse().read().decode()
        return page, time.monotonic() - started

    def page(self):
        """The metrics page as a person gets it."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.telemetry}/metrics", timeout=30) as answer:
            return answer.read().decode()
