<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Declared;

use Magento\Framework\App\Filesystem\DirectoryList;
use Magento\Framework\Filesystem;
use Magento\Framework\Module\Dir;
use Magento\Framework\Module\Dir\Reader as ModuleReader;
use Psr\Log\LoggerInterface;

/**
 * Reads and merges eventbridge_events.xml of all modules and of the shop.
 *
 * A wrong declaration is refused and logged with file and line; the others are used. The bridge
 * reads the same files by the same rules.
 */
class DeclarationReader
{
    private const FILE = 'eventbridge_events.xml';
    private const SCHEMA = 'eventbridge_events.xsd';
    private const MODULE = 'MagentoEventBridge_Agent';

    /**
     * @var ModuleReader
     */
    private $modules;

    /**
     * @var Filesystem
     */
    private $filesystem;

    /**
     * @var SecretNames
     */
    private $secrets;

    /**
     * @var LoggerInterface
     */
    private $logger;

    /**
     * @param ModuleReader $modules
     * @param Filesystem $filesystem
     * @param SecretNames $secrets
     * @param LoggerInterface $logger
     */
    public function __construct(
        ModuleReader $modules,
        Filesystem $filesystem,
        SecretNames $secrets,
        LoggerInterface $logger
    ) {
        $this->modules = $modules;
        $this->filesystem = $filesystem;
        $this->secrets = $secrets;
        $this->logger = $logger;
    }

    /**
     * Returns the declarations by their event's name.
     *
     * @return array[]
     */
    public function read(): array
    {
        $schema = $this->modules->getModuleDir(Dir::MODULE_ETC_DIR, self::MODULE) . '/' . self::SCHEMA;
        $declarations = [];
        foreach ($this->files() as $file => $xml) {
            foreach ($this->readFile($file, $xml, $schema) as $declaration) {
                $name = $declaration['name'];
                $declarations[$name] = isset($declarations[$name])
                    ? $this->merge($declarations[$name], $declaration)
                    : $declaration;
            }
        }

        return $declarations;
    }

    /**
     * Returns the texts of the files, the shop's own last.
     *
     * @return string[]
     */
    private function files(): array
    {
        $files = [];
        foreach ($this->modules->getConfigurationFiles(self::FILE) as $file => $xml) {
            $files[$file] = $xml;
        }
        $own = $this->filesystem->getDirectoryRead(DirectoryList::CONFIG);
        if ($own->isExist(self::FILE)) {
            $files['app/etc/' . self::FILE] = $own->readFile(self::FILE);
        }

        return $files;
    }

    /**
     * Reads one file; each event is checked separately.
     *
     * @param string $file
     * @param string $xml
     * @param string $schema
     * @return array[]
     */
    private function readFile(string $file, string $xml, string $schema): array
    {
        $before = libxml_use_internal_errors(true);
        try {
            $document = new \DOMDocument();
            if (trim($xml) === '' || !$document->loadXML($xml, LIBXML_NONET)) {
                $this->refuse($file, 'not well-formed');
                return [];
            }
            $declarations = [];
            foreach ($document->documentElement->childNodes as $event) {
                if (!$event instanceof \DOMElement) {
                    continue;
                }
                $alone = new \DOMDocument();
                $alone->appendChild($alone->createElement('config'))->appendChild($alone->importNode($event, true));
                if (!$alone->schemaValidate($schema)) {
                    $this->refuse($file, 'not valid', $event->getLineNo());
                    continue;
                }
                $declaration = $this->declaration($event);
                $secrets = array_filter($declaration['paths'], [$this->secrets, 'isSecret']);
                if ($secrets) {
                    $this->refuse($file, 'leads to a secret: ' . implode(', ', $secrets), $event->getLineNo());
                    continue;
                }
                $declarations[] = $declaration;
            }

            return $declarations;
        } finally {
            libxml_clear_errors();
            libxml_use_internal_errors($before);
        }
    }

    /**
     * Logs why a declaration is not used.
     */
    private function refuse(string $file, string $reason, int $line = 0): void
    {
        $errors = libxml_get_errors();
        if ($errors) {
            $reason .= ': ' . trim($errors[0]->message);
            $line = $line ?: $errors[0]->line;
        }
        libxml_clear_errors();
        $this->logger->error(sprintf('A declaration is refused: %s, line %d: %s', $file, $line, $reason));
    }

    /**
     * Returns a declaration as an array.
     */
    private function declaration(\DOMElement $event): array
    {
        $declaration = [
            'name' => $event->getAttribute('name'),
            'subject' => $event->getAttribute('subject'),
            'on' => [],
            'changed' => [],
            'paths' => [],
        ];
        foreach ($event->childNodes as $part) {
            if (!$part instanceof \DOMElement) {
                continue;
            }
            if ($part->tagName === 'on') {
                $declaration['on'][strtolower($part->getAttribute('event'))] = [
                    'object' => $part->getAttribute('object'),
                    'save' => $part->getAttribute('save') ?: 'any',
                ];
            } elseif ($part->tagName === 'changed') {
                $declaration['changed'][] = $part->getAttribute('column');
            } elseif ($part->tagName === 'field') {
                $declaration['paths'][$part->getAttribute('name')] = $part->getAttribute('path');
            }
        }

        return $declaration;
    }

    /**
     * Merges a declaration into the former ones.
     */
    private function merge(array $former, array $later): array
    {
        return [
            'name' => $former['name'],
            'subject' => $later['subject'] ?: $former['subject'],
            'on' => array_replace($former['on'], $later['on']),
            'changed' => array_values(array_unique(array_merge($former['changed'], $later['changed']))),
            'paths' => array_replace($former['paths'], $later['paths']),
        ];
    }
}
