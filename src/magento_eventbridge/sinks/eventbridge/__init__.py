"""The sink that calls PutEvents: request, signature, HTTP, answer."""
