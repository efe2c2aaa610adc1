"""Build the demo's firmware in a copy of its workspace, with the real ``aos make``."""
