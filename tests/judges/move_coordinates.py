#!/usr/bin/env python3
"""Moves seeded points of China into GCJ-02 and BD-09 by prcoords, an implementation that is not ours.

Prints a line a point: longitude and latitude in WGS-84, GCJ-02 and BD-09.
"""
import random
import sys

import prcoords

seeded = random.Random(int(sys.argv[1]))
for _ in range(int(sys.argv[2])):
    longitude, latitude = seeded.uniform(80, 130), seeded.uniform(20, 50)
    wgs84 = prcoords.Coords(latitude, longitude)
    points = [wgs84, prcoords.wgs_gcj(wgs84), prcoords.wgs_bd(wgs84)]
    print(*(f"{point.lon!r} {point.lat!r}" for point in points))
