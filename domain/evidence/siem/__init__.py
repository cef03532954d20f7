"""What a SIEM is told of each event, before it is put into the words of any SIEM."""
