"""What a served Fewstroke keeps in memory after a request, and what only the allocator keeps."""
