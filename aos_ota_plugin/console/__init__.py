"""What every outer room shows in the same way."""
