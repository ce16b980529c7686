"""Run a command where only loopback exists: ``unshare --map-root-user --net python loopback_only.py COMMAND…``.

A new network namespace starts with its loopback interface down. This brings it up, without needing `ip`, and becomes
the command.
"""

import fcntl
import os
import socket
import struct
import sys

SIOCSIFFLAGS, IFF_UP = 0x8914, 0x1

if __name__ == "__main__":
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", IFF_UP))
    os.execvp(sys.argv[1], sys.argv[1:])
