"""An upload goes through a temporary file, as frameworks do it, and becomes its size."""

import tempfile


def take(stream, length):
    with tempfile.NamedTemporaryFile(prefix="upload-") as file:
        while length > 0 and (block := stream.read(min(length, 65536))):
            file.write(block)
            length -= len(block)
        file.flush()
        return "taken", f"{file.tell()}\n"
