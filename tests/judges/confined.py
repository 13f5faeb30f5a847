#!/usr/bin/python3
"""Runs a program under the system call filter of a systemd unit, as systemd would where it is process 1.

confined.py UNIT PROGRAM [ARGUMENT…]

What SystemCallFilter= and MemoryDenyWriteExecute= do not allow kills the program, where systemd would only
refuse it: nothing that it does can go wrong unseen. Refused, as by systemd, are the few calls that may be:
changes of owner (the admin socket has its group already), and sockets of families outside
RestrictAddressFamilies= (name look-ups try netlink).
"""

import errno
import mmap
import os
import re
import socket
import subprocess
import sys

import seccomp


def settings(unit, name):
    """All values of a setting, in order."""
    with open(unit, encoding="utf-8") as lines:
        return [line.split("=", 1)[1].split() for line in lines if line.startswith(f"{name}=")]


def members(group):
    """The system calls of a group of systemd's, groups inside it included."""
    told = subprocess.run(
        ["systemd-analyze", "syscall-filter", group], check=True, capture_output=True, text=True
    ).stdout
    calls = set()
    for word in re.findall(r"^ {4}(\S+)$", told, re.MULTILINE):
        calls |= members(word) if word.startswith("@") else {word}
    return calls


def allowed_calls(unit):
    """What SystemCallFilter= leaves; an allow list always has @default."""
    allowed = members("@default")
    for words in settings(unit, "SystemCallFilter"):
        is_denied = words[0].startswith("~")
        for word in words:
            word = word.lstrip("~")
            calls = members(word) if word.startswith("@") else {word}
            allowed = allowed - calls if is_denied else allowed | calls
    return allowed


def allow_memory(gate):
    """Memory that is never writable and executable, nor made executable later."""
    both = mmap.PROT_WRITE | mmap.PROT_EXEC
    for protection in (0, mmap.PROT_WRITE, mmap.PROT_EXEC):
        gate.add_rule(seccomp.ALLOW, "mmap", seccomp.Arg(2, seccomp.MASKED_EQ, both, protection))
    gate.add_rule(seccomp.ALLOW, "mprotect", seccomp.Arg(2, seccomp.MASKED_EQ, mmap.PROT_EXEC, 0))


def main():
    unit, program = sys.argv[1], sys.argv[2:]
    allowed = allowed_calls(unit)
    families = {getattr(socket, name) for words in settings(unit, "RestrictAddressFamilies") for name in words}
    if len(allowed) < 100 or not families or settings(unit, "MemoryDenyWriteExecute") != [["yes"]]:
        sys.exit(f"{unit} does not restrict what this judge restricts")
    gate = seccomp.SyscallFilter(seccomp.KILL_PROCESS)
    for call in sorted(allowed - {"socket", "mmap", "mprotect", "pkey_mprotect"}):
        try:
            gate.add_rule(seccomp.ALLOW, call)
        except RuntimeError:
            pass  # of another architecture, or newer than the library
    for call in members("@chown"):
        if call not in allowed:
            try:
                gate.add_rule(seccomp.ERRNO(errno.EPERM), call)
            except RuntimeError:
                pass
    allow_memory(gate)
    for family in range(socket.AF_INET6 + 64):
        action = seccomp.ALLOW if family in families else seccomp.ERRNO(errno.EAFNOSUPPORT)
        gate.add_rule(action, "socket", seccomp.Arg(0, seccomp.EQ, family))
    gate.load()
    os.execv(program[0], program)


main()
