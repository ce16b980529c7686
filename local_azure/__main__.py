"""python -m local_azure up | env | status | down | reset"""

import argparse
import asyncio
import os
import shlex
import sys

import local_azure

from . import folders
from .userdata import home


def up(_):
    """start the server, or find it running"""
    local_azure.start()


def env(arguments):
    """print the variables for a shell: eval "$(python -m local_azure env)" """
    for name, value in local_azure.environment().items():
        if arguments.powershell:
            print(f"$env:{name} = '{value}'")
        else:
            print(f"export {name}={shlex.quote(value)}")


def status(_):
    """say whether the server runs, and how much it uses"""
    address = local_azure._address()
    try:
        found = local_azure._ask(address["port"], "status") if address else None
    except OSError:
        found = None
    if address and not found:
        print(f"The local Azure's server, process {address['pid']}, is alive and does not answer.")
        print("It may be busy: ask again. To end it: python -m local_azure down")
        return 2
    if not found:
        print("The local Azure is not running. local_azure.start() starts it, and so does: python -m local_azure up")
        return 1
    print(f"The local Azure runs on 127.0.0.1:{address['port']}, process {found['pid']}.")
    print(
        f"Up for {found['uptime_seconds']:.0f} s, {found['requests']} requests, {found['memory_mb']:.0f} MB of memory."
    )
    print(f"{found['resources']} resources kept, {found['faults']} faults in force.")
    print(f"Its files are in {home()}")
    return 0


def down(_):
    """stop the server; what it keeps stays on disk"""
    try:
        print("Stopped." if local_azure.stop_server() else "It was not running.")
    except RuntimeError as error:
        return str(error)
    return 0


def reset(_):
    """stop the server and delete everything it kept: resources, keys, certificates"""
    try:
        local_azure.stop_server()
    except RuntimeError as error:
        return f"{error} Nothing was deleted."
    asyncio.run(folders.remove(home()))
    print("Stopped, and everything deleted. The next start makes new keys and certificates.")


def serve(arguments):
    """run the server in this process (start() does this in the background)"""
    from . import server

    server.serve(arguments.port or server.DEFAULT_PORT, arguments.build)


def main():
    parser = argparse.ArgumentParser(prog="python -m local_azure", description=local_azure.__doc__.splitlines()[0])
    commands = parser.add_subparsers(required=True)
    for function in (up, env, status, down, reset, serve):
        command = commands.add_parser(function.__name__, help=function.__doc__)
        command.set_defaults(function=function)
        if function is env:
            command.add_argument("--powershell", action="store_true", help="for PowerShell instead of a POSIX shell")
        if function is serve:
            command.add_argument("--port", type=int)
            command.add_argument("--build", default="")
    arguments = parser.parse_args()
    return arguments.function(arguments)


if __name__ == "__main__":
    os.umask(0o077)
    sys.exit(main())
