#!/usr/bin/python3
"""A camera by GStreamer's RTSP server: rtsp_server.py ADDRESS PORT PIPELINE [USER PASSWORD].

Serves PIPELINE (payloaders pay0, pay1) at /live, behind digest authentication when a user is given,
and prints `ready` once it listens. It ends on SIGTERM.
"""

import signal
import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtsp, GstRtspServer


def protect(server, factory, user, password):
    """Lets in only who answers the digest challenge."""
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", "viewer")
    auth = GstRtspServer.RTSPAuth()
    auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
    auth.add_digest(user, password, token)
    server.set_auth(auth)
    permissions = GstRtspServer.RTSPPermissions()
    permissions.add_permission_for_role("viewer", "media.factory.access", True)
    permissions.add_permission_for_role("viewer", "media.factory.construct", True)
    factory.set_permissions(permissions)


def main():
    address, port, pipeline, *login = sys.argv[1:]
    Gst.init(None)
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(pipeline)
    server = GstRtspServer.RTSPServer()
    server.set_address(address)
    server.set_service(port)
    if login:
        protect(server, factory, *login)
    server.get_mount_points().add_factory("/live", factory)
    if server.attach(None) == 0:
        sys.exit(f"cannot listen on {address}:{port}")
    loop = GLib.MainLoop()
    GLib.unix_signal_add(GLib.PRIORITY_DEFAULT, signal.SIGTERM, loop.quit)
    print("ready", flush=True)
    loop.run()


main()
