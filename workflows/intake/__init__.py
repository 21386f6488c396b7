"""What `oriane run` is given: files and folders on this machine, an S3 prefix, or JOB_INPUT."""
