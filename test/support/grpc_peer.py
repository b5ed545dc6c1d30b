"""Python's gRPC as a client or a server of a mesh without proxies. Takes its bootstrap file from the environment.

  grpc_peer.py caller               calls what lines of JSON on its input ask for, and answers each with a line
  grpc_peer.py server HOST:PORT     serves until its input ends; says "serving" when it is told that it may

With certificate providers in the bootstrap file TLS is as the control plane says. Without, or with PLAIN_TEXT in the
environment, there is none.
"""

import json
import os
import sys
import time
from concurrent import futures

import grpc
import grpc.experimental


def secured():
    if "PLAIN_TEXT" in os.environ:
        return False
    return "certificate_providers" in json.loads(os.environ["GRPC_XDS_BOOTSTRAP_CONFIG"])


def caller():
    channels = {}

    def channel(target):
        if target not in channels:
            plain = grpc.experimental.insecure_channel_credentials()
            credentials = grpc.xds_channel_credentials(plain) if secured() else plain
            channels[target] = grpc.secure_channel(target, credentials)
        return channels[target]

    def call(ask):
        method = channel(ask["target"]).unary_unary(ask["path"])
        metadata = list(ask.get("metadata", {}).items())
        started = time.monotonic()
        try:
            text = method(b"", timeout=ask["seconds"], metadata=metadata).decode()
            answer = {"code": 0, "details": "", "text": text}
        except grpc.RpcError as error:
            answer = {"code": error.code().value[0], "details": error.details(), "text": ""}
        return {**answer, "ms": round(1000 * (time.monotonic() - started))}

    for line in sys.stdin:
        ask = json.loads(line)
        answers = [call(ask) for _ in range(ask["count"])]
        print(json.dumps({"id": ask["id"], "answers": answers}), flush=True)


class Echo(grpc.GenericRpcHandler):
    """Answers every method with its name."""

    def service(self, details):
        text = details.method.encode()
        return grpc.unary_unary_rpc_method_handler(lambda _request, _context: text)


def server(address):
    serving = grpc.server(futures.ThreadPoolExecutor(4), handlers=[Echo()], xds=True)
    plain = grpc.insecure_server_credentials()
    credentials = grpc.xds_server_credentials(plain) if secured() else plain
    serving.add_secure_port(address, credentials)
    serving.start()
    print("serving", flush=True)
    sys.stdin.read()
    serving.stop(None)


if sys.argv[1] == "caller":
    caller()
else:
    server(sys.argv[2])
