"""From a payload and settings to proven images and a manifest."""
