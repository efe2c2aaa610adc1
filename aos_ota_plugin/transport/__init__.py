"""Over a serial line: Ymodem, and the menu of the second boot stage that receives with it. Imports only errors."""
