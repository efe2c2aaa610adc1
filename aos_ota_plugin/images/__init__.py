"""The image formats, bytes in and bytes out."""
