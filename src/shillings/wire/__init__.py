"""The wire protocol between the web layer and the application layer: length-prefixed protobuf."""
