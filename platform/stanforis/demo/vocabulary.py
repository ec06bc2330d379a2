"""What synthetic records are about: published codes of SNOMED CT, RxNorm, ATC and CVX.

Spec: https://hl7.org/fhir/R4/terminologies-systems.html
"""

from __future__ import annotations

from stanforis.demo.concepts import ATC, CVX, RXNORM, SNOMED, read_concepts, read_plans

VISITS = read_concepts(
    SNOMED,
    """
    162673000 General examination of patient (procedure)
    185345009 Encounter for symptom
    185345009 Encounter for symptom (procedure)
    185347001 Encounter for problem
    185347001 Encounter for problem (procedure)
    185349003 Encounter for check up (procedure)
    185349003 Encounter for 'check-up'
    410620009 Well child visit (procedure)
    424619006 Prenatal visit
    424441002 Prenatal initial visit
    169762003 Postnatal visit
    390906007 Follow-up encounter
    50849002 Emergency Room Admission
    50849002 Emergency room admission (procedure)
    183452005 Emergency hospital admission (procedure)
    185389009 Follow-up visit (procedure)
    698314001 Consultation for treatment
    33879002 Administration of vaccine to produce active immunity (procedure)
    702927004 Urgent care clinic (procedure)
    308335008 Patient encounter procedure
    371883000 Outpatient procedure
    394701000 Asthma follow-up
    305351004 Admission to intensive care unit (procedure)
    86013001 Periodic reevaluation and management of healthy individual (procedure)
    439740005 Postoperative follow-up visit (procedure)
    """,
)
CONDITIONS = read_concepts(
    SNOMED,
    """
    61462000 Malaria
    38341003 Hypertension
    59621000 Essential hypertension (disorder)
    44054006 Diabetes
    44054006 Diabetes mellitus type 2 (disorder)
    15777000 Prediabetes
    195662009 Acute viral pharyngitis (disorder)
    10509002 Acute bronchitis (disorder)
    444814009 Viral sinusitis (disorder)
    36971009 Sinusitis (disorder)
    40055000 Chronic sinusitis (disorder)
    75498004 Acute bacterial sinusitis (disorder)
    43878008 Streptococcal sore throat (disorder)
    65363002 Otitis media
    233604007 Pneumonia
    54150009 Upper respiratory infection (disorder)
    62315008 Diarrhea (finding)
    68566005 Urinary tract infectious disease (disorder)
    72892002 Normal pregnancy
    398254007 Pre-eclampsia
    19169002 Miscarriage in first trimester
    271737000 Anemia (disorder)
    87522002 Iron deficiency anemia (disorder)
    55822004 Hyperlipidemia
    302870006 Hypertriglyceridemia (disorder)
    237602007 Metabolic syndrome X (disorder)
    80394007 Hyperglycemia (disorder)
    162864005 Body mass index 30+ - obesity (finding)
    414545008 Ischemic heart disease (disorder)
    53741008 Coronary Heart Disease
    22298006 Myocardial Infarction
    49436004 Atrial Fibrillation
    230690007 Stroke
    195967001 Asthma
    185086009 Chronic obstructive bronchitis (disorder)
    87433001 Pulmonary emphysema (disorder)
    86406008 Human immunodeficiency virus infection (disorder)
    56717001 Tuberculosis (disorder)
    24079001 Atopic dermatitis
    367498001 Seasonal allergic rhinitis
    232353008 Perennial allergic rhinitis with seasonal variation
    44465007 Sprain of ankle
    70704007 Sprain of wrist
    62106007 Concussion with no loss of consciousness
    370247008 Facial laceration
    283371005 Laceration of forearm
    65966004 Fracture of forearm
    16114001 Fracture of ankle
    58150001 Fracture of clavicle
    33737001 Fracture of rib
    48333001 Burn injury(morphologic abnormality)
    64859006 Osteoporosis (disorder)
    239873007 Osteoarthritis of knee
    90560007 Gout
    68496003 Polyp of colon
    254837009 Malignant neoplasm of breast (disorder)
    363406005 Malignant tumor of colon
    126906006 Neoplasm of prostate
    431855005 Chronic kidney disease stage 1 (disorder)
    127013003 Diabetic renal disease (disorder)
    422034002 Diabetic retinopathy associated with type II diabetes mellitus (disorder)
    368581000119106 Neuropathy due to type 2 diabetes mellitus (disorder)
    128613002 Seizure disorder
    36923009 Major depression, single episode
    160903007 Full-time employment (finding)
    423315002 Limited social contact (finding)
    73595000 Stress (finding)
    """,
)
PROCEDURES = read_concepts(
    SNOMED,
    """
    428191000124101 Documentation of current medications
    430193006 Medication Reconciliation (procedure)
    76601001 Intramuscular injection
    73761001 Colonoscopy
    117015009 Throat culture (procedure)
    23426006 Measurement of respiratory function (procedure)
    399208008 Plain chest X-ray (procedure)
    274804006 Evaluation of uterine fundal height
    225158009 Auscultation of the fetal heart
    44608003 Blood typing, RH typing
    104091002 Hemogram, automated, with red blood cells, white blood cells, hemoglobin, hematocrit, platelet count
    104435004 Screening for occult blood in feces (procedure)
    66348005 Childbirth
    11466000 Cesarean section
    65200003 Insertion of intrauterine contraceptive device
    71651007 Mammography
    18286008 Catheter ablation of tissue of heart
    180325003 Electrical cardioversion
    265764009 Renal dialysis (procedure)
    274474001 Bone immobilization
    225358003 Wound care
    288086009 Suture open wound
    1225002 Upper arm X-ray
    19490002 Ankle X-ray
    387607004 Construction of diagnostic cast (procedure)
    710824005 Assessment of health and social care needs (procedure)
    171207006 Depression screening (procedure)
    710841007 Assessment of anxiety (procedure)
    866148006 Screening for domestic abuse (procedure)
    268425006 Pelvis X-ray
    410006001 Digital examination of rectum
    269911007 Sputum examination (procedure)
    """,
)
MEDICATIONS = read_concepts(
    RXNORM,
    """
    314076 lisinopril 10 MG Oral Tablet
    860975 24 HR Metformin hydrochloride 500 MG Extended Release Oral Tablet
    849574 Naproxen sodium 220 MG Oral Tablet
    313782 Acetaminophen 325 MG Oral Tablet
    198405 Ibuprofen 100 MG Oral Tablet
    310965 Ibuprofen 200 MG Oral Tablet
    308192 Amoxicillin 500 MG Oral Tablet
    308182 Amoxicillin 250 MG Oral Capsule
    562251 Amoxicillin 250 MG / Clavulanate 125 MG Oral Tablet
    834060 Penicillin V Potassium 250 MG Oral Tablet
    197361 Amlodipine 5 MG Oral Tablet
    312961 Simvastatin 20 MG Oral Tablet
    259255 Atorvastatin 80 MG Oral Tablet
    310798 Hydrochlorothiazide 25 MG Oral Tablet
    745679 200 ACTUAT Albuterol 0.09 MG/ACTUAT Metered Dose Inhaler
    895994 120 ACTUAT Fluticasone propionate 0.044 MG/ACTUAT Metered Dose Inhaler
    1049221 Acetaminophen 325 MG / Oxycodone Hydrochloride 5 MG Oral Tablet
    106892 insulin human, isophane 70 UNT/ML / Regular Insulin, Human 30 UNT/ML Injectable Suspension [Humulin]
    309362 Clopidogrel 75 MG Oral Tablet
    705129 Nitroglycerin 0.4 MG/ACTUAT Mucosal Spray
    855332 Warfarin Sodium 5 MG Oral Tablet
    197604 Digoxin 0.125 MG Oral Tablet
    1000126 1 ML medroxyprogesterone acetate 150 MG/ML Injection
    748856 Yaz 28 Day Pack
    807283 Mirena 52 MG Intrauterine System
    1014676 cetirizine hydrochloride 5 MG Oral Tablet
    665078 Loratadine 5 MG Chewable Tablet
    1870230 NDA020800 0.3 ML Epinephrine 1 MG/ML Auto-Injector
    310325 ferrous sulfate 325 MG Oral Tablet
    """,
)
ESSENTIAL_MEDICINES = read_concepts(
    ATC,
    """
    P01BF01 artemether and lumefantrine
    N02BE01 paracetamol
    J01CA04 amoxicillin
    B03AA07 ferrous sulfate
    C08CA01 amlodipine
    A10BA02 metformin
    J05AR27 lamivudine, tenofovir disoproxil and dolutegravir
    J04AM06 rifampicin, pyrazinamide, ethambutol and isoniazid
    A07CA oral rehydration salt formulations
    """,
)
VACCINES = read_concepts(
    CVX,
    """
    140 Influenza, seasonal, injectable, preservative free
    113 Td (adult) preservative free
    115 Tdap
    121 zoster
    33 pneumococcal polysaccharide vaccine, 23 valent
    133 Pneumococcal conjugate PCV 13
    08 Hep B, adolescent or pediatric
    43 Hep B, adult
    20 DTaP
    49 Hib (PRP-OMP)
    10 IPV
    02 OPV, trivalent
    19 BCG
    102 DTP-Hib-Hep B
    119 rotavirus, monovalent
    03 MMR
    04 M/R
    21 varicella
    83 Hep A, ped/adol, 2 dose
    52 Hep A, adult
    62 HPV, quadrivalent
    114 meningococcal MCV4P
    208 SARS-COV-2 (COVID-19) vaccine, mRNA, spike protein, LNP, preservative free, 30 mcg/0.3mL dose
    """,
)
PLANS = read_plans("""
    698360004 Diabetes self management plan
        160670007 Diabetic diet
        229065009 Exercise therapy
    443402002 Lifestyle education regarding hypertension
        386463000 Prescribed activity/exercise education
        413473000 Counseling about alcohol consumption
        1151000175103 Dietary approaches to stop hypertension diet
    53950000 Respiratory therapy
        304510005 Recommendation to avoid exercise
        371605008 Deep breathing and coughing exercises
    134435003 Routine antenatal care
        135892000 Antenatal education
        312404004 Antenatal blood tests
    385691007 Fracture care
        183051005 Recommendation to rest
        408580007 Physical activity target light exercise
    736376001 Infectious disease care plan (record artifact)
        409524006 Airborne precautions (procedure)
    225358003 Wound care
        385949008 Dressing change management
        439830001 Behavior to prevent infection
    91251008 Physical therapy procedure
        229586001 Rest and ice treatments
        229070002 Stretching and strengthening
    735985000 Diabetes self management plan (record artifact)
        160670007 Diabetic diet
    736254007 Psychiatry care plan (record artifact)
        228557008 Cognitive and behavioral therapy (regime/therapy)
""")
ALLERGIES = read_concepts(
    SNOMED,
    """
    300913006 Shellfish allergy
    91935009 Allergy to peanuts
    91934008 Allergy to nut
    232347008 Dander (animal) allergy
    232350006 House dust mite allergy
    419474003 Allergy to mould
    418689008 Allergy to grass pollen
    419263009 Allergy to tree pollen
    91930004 Allergy to eggs
    425525006 Allergy to dairy product
    300916003 Latex allergy
    424213003 Allergy to bee venom
    """,
)
