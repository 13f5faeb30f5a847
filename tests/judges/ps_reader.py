#!/usr/bin/python3
"""Reads a program stream by GStreamer's mpegpsdemux and decodes what is in it: ps_reader.py FILE.

Prints `video CODEC UNITS PICTURES` and `audio CODEC UNITS BUFFERS`: what the parser found and what the
decoder gave. An error or a warning on the bus, or a stream it has no decoder for, ends it with 1.
"""

import sys

import gi

gi.require_version("Gst", "1.0")
from gi.repository import Gst

CHAINS = {
    "video/x-h264": ("video", "h264parse", "avdec_h264"),
    "video/x-h265": ("video", "h265parse", "avdec_h265"),
    "audio/mpeg": ("audio", "aacparse", "avdec_aac"),
}


class Reader:
    """The pipeline, and what ran through it."""

    def __init__(self, path):
        self.pipeline = Gst.Pipeline()
        source = self.add("filesrc")
        source.set_property("location", path)
        demuxer = self.add("mpegpsdemux")
        # The queue makes it read as from a network, front to back: with a file at hand, the demuxer
        # takes the second pack's time for the first, and the decoder drops what is earlier.
        queue = self.add("queue")
        source.link(queue)
        queue.link(demuxer)
        demuxer.connect("pad-added", self.connect)
        self.counts = {}

    def add(self, name):
        element = Gst.ElementFactory.make(name)
        if element is None:
            sys.exit(f"no GStreamer element {name}")
        self.pipeline.add(element)
        return element

    def connect(self, _, pad):
        caps = pad.get_current_caps().get_structure(0).get_name()
        if caps not in CHAINS:
            sys.exit(f"mpegpsdemux found {caps}")
        kind, parser, decoder = CHAINS[caps]
        chain = [self.add(name) for name in ("queue", parser, decoder, "fakesink")]
        chain[-1].set_property("sync", False)
        self.count(chain[1], (kind, caps, 0))
        self.count(chain[2], (kind, caps, 1))
        for one, next_one in zip(chain, chain[1:]):
            one.link(next_one)
        for element in chain:
            element.sync_state_with_parent()
        pad.link(chain[0].get_static_pad("sink"))

    def count(self, element, key):
        self.counts[key] = 0

        def passed(*_):
            self.counts[key] += 1
            return Gst.PadProbeReturn.OK

        element.get_static_pad("src").add_probe(Gst.PadProbeType.BUFFER, passed)

    def run(self):
        self.pipeline.set_state(Gst.State.PLAYING)
        wanted = Gst.MessageType.EOS | Gst.MessageType.ERROR | Gst.MessageType.WARNING
        message = self.pipeline.get_bus().timed_pop_filtered(30 * Gst.SECOND, wanted)
        self.pipeline.set_state(Gst.State.NULL)
        if message is None:
            return "no end within 30 s"
        if message.type == Gst.MessageType.ERROR:
            return "{} ({})".format(*message.parse_error())
        if message.type == Gst.MessageType.WARNING:
            return "{} ({})".format(*message.parse_warning())
        return None


Gst.init(None)
reader = Reader(sys.argv[1])
trouble = reader.run()
if trouble:
    sys.exit(trouble)
for kind, caps in sorted({key[:2] for key in reader.counts}):
    print(kind, caps.split("/")[1], reader.counts[kind, caps, 0], reader.counts[kind, caps, 1])
