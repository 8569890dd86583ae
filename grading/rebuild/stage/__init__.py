"""What runs inside the sandbox beside a student's cells."""
