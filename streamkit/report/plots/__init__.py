"""The pictures of a report, drawn by matplotlib: each on a light and on a dark ground."""
