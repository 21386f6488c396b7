// Empty fields stay out of the address, so that it says what is asked and nothing else.

export function submitWithoutEmptyFields(form) {
  form?.addEventListener("formdata", (event) => {
    for (const name of new Set(event.formData.keys())) {
      const values = event.formData.getAll(name).filter((value) => String(value).trim());
      event.formData.delete(name);
      for (const value of values) event.formData.append(name, value);
    }
  });
}
