from django.core.files.base import ContentFile
import io, hashlib
from PIL import Image
import openpyxl
from pypdf import PdfWriter

def pdf(title, text, pages=1):
    w=PdfWriter()
    for _ in range(pages if isinstance(pages,int) else 1): w.add_blank_page(595,842)
    w.add_metadata({"/Title": title+str(text)})
    b=io.BytesIO(); w.write(b)
    return ContentFile(b.getvalue(), name=title+".pdf")
def photo(title,text):
    c=hashlib.sha256((title+text).encode()).digest()
    im=Image.new("RGB",(640,480),tuple(c[:3])); 
    for i in range(29): im.putpixel((i*8,i),tuple(c[i:i+3]))
    for i in range(29): im.paste(tuple(c[i:i+3]),(i*8,0,i*8+8,100))
    b=io.BytesIO(); im.save(b,"JPEG"); return ContentFile(b.getvalue(), name=title+".jpg")
def table(title,text):
    wb=openpyxl.Workbook(); wb.active.append([title,text]); b=io.BytesIO(); wb.save(b); return ContentFile(b.getvalue(),name=title+".xlsx")
