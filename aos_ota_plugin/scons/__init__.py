"""The hook into ``aos make``, the SCons builders and tool; no other room knows SCons or aos-tools.

From outside: ``aos.attach``, ``site.hooked`` and ``tool``; solutions hold copies of the files that import them
(SConscript, site_init.py, site_tools), so these names stay.
"""

import gc

# What SCons and aos-tools have loaded by now lives as long as the build: looking for garbage in it costs 18 ms a time.
gc.freeze()
