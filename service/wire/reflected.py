"""Server reflection under both of its names: grpcio-reflection has the older, `v1alpha`; tools ask for `v1` too."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, text_format
from grpc_reflection.v1alpha import reflection, reflection_pb2

ALPHA = reflection.SERVICE_NAME
V1 = "grpc.reflection.v1.ServerReflection"
_FILE = "grpc/reflection/v1/reflection.proto"


def serve_reflection(services: Iterable[str], server: grpc.aio.Server) -> None:
    """Describes these services, and itself."""
    _describe_v1()
    servicer: Any = reflection.aio.ReflectionServicer((*services, ALPHA, V1))
    handler = grpc.stream_stream_rpc_method_handler(
        servicer.ServerReflectionInfo,
        request_deserializer=reflection_pb2.ServerReflectionRequest.FromString,
        response_serializer=reflection_pb2.ServerReflectionResponse.SerializeToString,
    )
    for name in (ALPHA, V1):
        methods = {"ServerReflectionInfo": handler}
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(name, methods),))


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
