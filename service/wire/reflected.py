"""Server reflection under both of its names: grpcio-reflection has the older, `v1alpha`; tools ask for `v1` too."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import Any

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, text_format
from google.protobuf.message import Message
from grpc_reflection.v1alpha import reflection, reflection_pb2

from service.wire.door import Context, Door

ALPHA = reflection.SERVICE_NAME
V1 = "grpc.reflection.v1.ServerReflection"
_FILE = "grpc/reflection/v1/reflection.proto"


def serve_reflection(services: Iterable[str], door: Door, server: grpc.aio.Server) -> None:
    """Describes these services, and itself."""
    _describe_v1()
    servicer: Any = reflection.aio.ReflectionServicer((*services, ALPHA, V1))

    async def tell(sent: AsyncIterator[bytes], context: Context) -> AsyncIterator[Message]:
        async for answer in servicer.ServerReflectionInfo(_asked(sent, door, context), context):
            yield answer

    handler: grpc.RpcMethodHandler[Any, Any] = grpc.stream_stream_rpc_method_handler(
        tell,
        response_serializer=reflection_pb2.ServerReflectionResponse.SerializeToString,
    )
    for name in (ALPHA, V1):
        methods = {"ServerReflectionInfo": handler}
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(name, methods),))


async def _asked(sent: AsyncIterator[bytes], door: Door, context: Context) -> AsyncIterator[Message]:
    async for one in sent:
        yield await door.message("ServerReflectionInfo", reflection_pb2.ServerReflectionRequest, one, context)


def _describe_v1() -> None:
    """The messages of both are the same but for the package, on the wire they are equal."""
    pool = descriptor_pool.Default()
    try:
        pool.FindFileByName(_FILE)
    except KeyError:
        file = descriptor_pb2.FileDescriptorProto()
        reflection_pb2.DESCRIPTOR.CopyToProto(file)
        text = text_format.MessageToString(file).replace("reflection.v1alpha", "reflection.v1")
        renamed = text_format.Parse(text, descriptor_pb2.FileDescriptorProto())
        renamed.name = _FILE
        pool.AddSerializedFile(renamed.SerializeToString())
