from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional

DESCRIPTOR: _descriptor.FileDescriptor

class RowStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ROW_STATUS_UNSPECIFIED: _ClassVar[RowStatus]
    ROW_STATUS_ACCEPTED: _ClassVar[RowStatus]
    ROW_STATUS_DUPLICATE: _ClassVar[RowStatus]
    ROW_STATUS_REJECTED: _ClassVar[RowStatus]
ROW_STATUS_UNSPECIFIED: RowStatus
ROW_STATUS_ACCEPTED: RowStatus
ROW_STATUS_DUPLICATE: RowStatus
ROW_STATUS_REJECTED: RowStatus

class Rejection(_message.Message):
    __slots__ = ("field", "code")
    FIELD_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    field: str
    code: str
    def __init__(self, field: _Optional[str] = ..., code: _Optional[str] = ...) -> None: ...
