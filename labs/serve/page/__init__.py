"""GourmetGram's page: upload a picture or pick a sample, and see what a server says it shows."""
