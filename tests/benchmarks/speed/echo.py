"""The floor: a gRPC method over the transport of the service that answers BYTES, whatever it is asked."""

from __future__ import annotations

import sys

import grpc
import uvloop

METHOD = "/bench.Echo/Echo"
LISTENS = r"listens on 127\.0\.0\.1:(\d+)"
"""What a server of the run tells once it serves; as the service does."""


async def serve(size: int) -> None:
    answer = bytes(size)

    async def reply(request: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
        return answer

    server = grpc.aio.server()
    handler: grpc.RpcMethodHandler[bytes, bytes] = grpc.unary_unary_rpc_method_handler(reply)
    service, method = METHOD.strip("/").split("/")
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, {method: handler}),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    sys.stdout.write(f"echo listens on 127.0.0.1:{port}\n")
    sys.stdout.flush()
    await server.wait_for_termination()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
