"""Models of devices that speak the platform's protocols: one device, and a fleet of them."""
