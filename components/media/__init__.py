"""Reading hostile video files: probing, decoding, borders, the ffmpeg program."""
