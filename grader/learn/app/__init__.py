"""Where the path is walked: one event type and one loop (session), seen as a screen or as plain lines."""
