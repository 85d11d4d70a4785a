"""The demo: a recorded store day, and a stand-in for AWS that it is delivered to."""
