"""What a build does on disk, and how one is run as a whole."""
