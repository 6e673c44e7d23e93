"""Write results, pages and marks for the teacher, the students and the LMS."""
