"""What the bridge writes down about itself."""
