from rumbo.decision.v1 import decision_pb2 as _decision_pb2
from rumbo.decision.v1 import events_pb2 as _events_pb2
from rumbo.decision.v1 import outcomes_pb2 as _outcomes_pb2
from rumbo.decision.v1 import record_pb2 as _record_pb2
from google.protobuf import descriptor as _descriptor
from typing import ClassVar as _ClassVar

DESCRIPTOR: _descriptor.FileDescriptor
