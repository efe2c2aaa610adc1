"""C sources for the device: values injected into the user's sources, and sources from templates.

``inject`` changes a copy of a source, ``render`` makes a new one; both are bytes in, bytes out. ``template_files``
is the only module here that reads files.
"""
