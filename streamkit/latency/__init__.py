"""When each chunk of audio passed each stage."""
