"""Debugging Events as Twilio sends them: the form's fields, with payloads in the shapes of tests/payloads/.

Pure: Sids, times and accounts come in as values. Codes carry the level with which Twilio's error dictionary lists them.
"""

import json
from dataclasses import dataclass

SHOP = "AC5a0c1d6f3e7b4829a1f05c6d7e8b9a01"
CLINIC = "AC5a0c1d6f3e7b4829a1f05c6d7e8b9a02"
COURIER = "AC5a0c1d6f3e7b4829a1f05c6d7e8b9a03"

# Subaccounts and the account they belong to.
PARENTS = {SHOP: "", CLINIC: SHOP, COURIER: SHOP}

# Each account has its own primary auth token, which signs its webhooks.
TOKENS = {SHOP: "5e1f" * 8, CLINIC: "c21a" * 8, COURIER: "90b7" * 8}


@dataclass(frozen=True)
class Event:
    """One event and how often and when it is delivered."""

    sid: str
    account: str
    code: str
    occurred: float
    url: str = ""
    status: int = 502

    def fields(self, timestamp):
        level, shape, _ = CODES[self.code]
        return [
            ("ParentAccountSid", PARENTS[self.account]),
            ("Level", level),
            ("Timestamp", timestamp),
            ("PayloadType", "application/json"),
            ("AccountSid", self.account),
            ("Sid", self.sid),
            ("Payload", json.dumps(shape(self, level), separators=(",", ":"))),
        ]


def resource(prefix, event):
    return prefix + event.sid[2:]


def service(prefix, event):
    """The service that a resource belongs to: each account has one of a kind."""
    return prefix + event.account[2:]


def more_info(event, level, message, **others):
    return {"Msg": message, "ErrorCode": event.code, "LogLevel": level, **others}


def exchange(event, response_headers, body=None, **parameters):
    request = {"url": event.url, "method": "POST", "headers": {}, "parameters": parameters}
    response = {"status_code": None, "headers": response_headers, "body": body}
    return {"type": "application/json", "request": request, "response": response}


def call_webhook(event, level):
    """A voice webhook that was answered with an error, as tests/payloads/05 has it."""
    headers = {"x-twilio-webhookattempt": "1", "Content-Type": "text/html"}
    call = resource("CA", event)
    parameters = {"CallSid": call, "CallStatus": "in-progress", "Direction": "inbound", "From": "+15550100001"}
    info = more_info(event, level, f"Got HTTP {event.status} response to {event.url}", httpResponse=str(event.status))
    info |= {"sourceComponent": "12000", "url": event.url}
    webhook = exchange(event, headers, "<html>Bad Gateway</html>", **parameters)
    return {"resource_sid": call, "service_sid": None, "error_code": event.code, "more_info": info, "webhook": webhook}


def message_webhook(event, level):
    """An inbound message whose webhook failed, as tests/payloads/03 has it."""
    headers = {"X-Twilio-WebhookAttempt": "1", "X-Twilio-WebhookError": CODES[event.code][2], "connection": "close"}
    message = resource("SM", event)
    parameters = {"MessageSid": message, "SmsStatus": "received", "NumSegments": "1", "From": "+15550100001"}
    info = more_info(event, level, "Bad Gateway", sourceComponent="14100", EmailNotification="false")
    info |= {"httpResponse": str(event.status), "url": event.url}
    webhook = exchange(event, headers, None, **parameters)
    return {
        "resource_sid": message,
        "service_sid": message,
        "error_code": event.code,
        "more_info": info,
        "webhook": webhook,
    }


def retrieval(event, level):
    """11200 comes from calls and from messages alike; which, the URL says."""
    return (message_webhook if event.url.endswith("/sms") else call_webhook)(event, level)


def outbound_message(event, level):
    """A message that was not delivered: three keys and no more, as tests/payloads/02 and 07 have it."""
    return {"resource_sid": resource("SM", event), "service_sid": resource("SM", event), "error_code": event.code}


def sip_user(event, level):
    """A WARNING about a SIP user, whose ErrorCode carries text, as tests/payloads/04 has it."""
    text = CODES[event.code][2]
    request = {"url": "sip:desk@example.sip.twilio.com", "method": "INVITE", "headers": {}, "parameters": {}}
    webhook = {
        "type": "application/json",
        "request": request,
        "response": {"status_code": None, "headers": {}, "body": None},
    }
    info = {"Msg": text, "ErrorCode": f"{event.code},{text}", "LogLevel": level}
    return {
        "resource_sid": resource("CA", event),
        "service_sid": None,
        "error_code": event.code,
        "more_info": info,
        "webhook": webhook,
    }


def markup(event, level):
    """A TwiML document that is wrong; the parser's message says where, as tests/payloads/08 has it."""
    info = more_info(event, level, CODES[event.code][2], sourceComponent="12000", url=event.url)
    if event.code == "12100":
        info["parserMessage"] = "Error on line 1 of document: Content is not allowed in prolog."
    webhook = exchange(
        event, {"Content-Type": "application/json"}, None, CallSid=resource("CA", event), CallStatus="ringing"
    )
    return {
        "resource_sid": resource("CA", event),
        "service_sid": None,
        "error_code": event.code,
        "more_info": info,
        "webhook": webhook,
    }


def channel(event, level):
    """WhatsApp: more_info with Msg alone, request.url null, as tests/payloads/06 has it."""
    text, message = CODES[event.code][2], resource("SM", event)
    parameters = {
        "channelToAddress": "+15550100003",
        "provider": "Some(wa-cloudapi)",
        "errorMessage": text,
        "error": event.code,
    }
    webhook = exchange(event, {"Content-Type": "application/json"}, None, messageSid=message, **parameters)
    webhook["request"]["url"] = None
    return {
        "resource_sid": message,
        "service_sid": None,
        "error_code": event.code,
        "more_info": {"Msg": text},
        "webhook": webhook,
    }


def function(event, level):
    """A Function that wrote to its log."""
    info = more_info(event, level, CODES[event.code][2])
    return {
        "resource_sid": resource("ZH", event),
        "service_sid": service("ZS", event),
        "error_code": event.code,
        "more_info": info,
    }


# Level, shape, and what is said.
CODES = {
    "11200": ("ERROR", retrieval, "11200 HTTP retrieval failure"),
    "11205": ("ERROR", message_webhook, "11205 HTTP connection failure"),
    "12100": ("ERROR", markup, "Document parse failure"),
    "12200": ("WARNING", markup, "Schema validation warning: Attribute 'voice' must be one of the allowed values"),
    "12300": ("ERROR", markup, "Invalid Content-Type: expected text/xml, got application/json"),
    "13224": ("WARNING", sip_user, "Dial: Twilio does not support calling this number or the number is invalid"),
    "30003": ("ERROR", outbound_message, "Unreachable destination handset"),
    "30007": ("ERROR", outbound_message, "Message filtered"),
    "32009": (
        "WARNING",
        sip_user,
        "Your TwiML tried to Dial a Twilio SIP Registered User that is not currently registered",
    ),
    "63016": ("ERROR", channel, "Failed to send freeform message because you are outside the allowed window"),
    "63052": (
        "WARNING",
        channel,
        "Templates may no longer be sent using a matching body parameter and must be sent using content sid.",
    ),
    "82005": ("ERROR", function, "TypeError: Cannot read properties of undefined (reading 'orderId')"),
}
