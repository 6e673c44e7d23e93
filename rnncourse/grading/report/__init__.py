"""What is written for the teacher, the students and the LMS."""
