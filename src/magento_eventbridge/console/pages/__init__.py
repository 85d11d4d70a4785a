"""The console's pages, one module each: what a page shows and the actions on it."""
