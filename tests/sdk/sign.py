"""Signs requests as Twilio's Python SDK does, so that the tests check our verification against Twilio's own code.

Reads one JSON object a line on standard input and answers each with one line:

    {"url": "...", "token": "...", "params": [["name", "value"], ...]}
    {"signature": "...", "body": "..."}

`body` is the form as Python encodes it. A body that is no form is signed by its hash, which the SDK gives too:

    {"url": "...", "token": "...", "body": "..."}
    {"signature": "...", "hash": "..."}

A line that cannot be signed ends the program with a traceback.

The SDK signs repeated values of one name sorted and without duplicates; that is its rule and stays as it is.
"""

import json
import sys
from urllib.parse import urlencode

from multidict import MultiDict
from twilio.request_validator import RequestValidator


def answer(request):
    validator = RequestValidator(request["token"])
    if "body" in request:
        body_hash = validator.compute_hash(request["body"])
        separator = "&" if "?" in request["url"] else "?"
        url = f"{request['url']}{separator}bodySHA256={body_hash}"
        return {"signature": validator.compute_signature(url, {}), "hash": body_hash}
    params = [(name, value) for name, value in request["params"]]
    # A web framework hands the SDK a multi-dict, from which the SDK takes every value of a repeated name.
    signature = validator.compute_signature(request["url"], MultiDict(params))
    return {"signature": signature, "body": urlencode(params)}


def main():
    # Bytes, because the locale must not decide how the requests are decoded.
    for line in sys.stdin.buffer:
        print(json.dumps(answer(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
