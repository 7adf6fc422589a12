"""gRPC: the server, the way of every call, and messages to domain values (`requests`) and back (`answers`)."""
