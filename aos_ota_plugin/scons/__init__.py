"""The only place that knows SCons and aos-tools: builders, the SCons tool, and the hook into ``aos make``."""
