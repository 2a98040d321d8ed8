"""Wire formats as pure codecs: bytes and JSON on one side, the events and messages of a conversation on the other."""
