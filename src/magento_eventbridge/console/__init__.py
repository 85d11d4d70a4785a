"""The console: a web page on which people see what the bridge does, and mend it."""
