"""`oriane watch`: standing questions, asked of what each run brought."""
