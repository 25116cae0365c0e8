"""The app: one event type and one loop (session), shown as a full screen or as plain lines."""
