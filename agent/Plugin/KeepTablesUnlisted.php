<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Plugin;

use Magento\Framework\Filesystem\Driver\File;
use Magento\Framework\Module\Dir;

/**
 * Removes the whitelist that `setup:db-declaration:generate-whitelist` writes into the agent.
 *
 * With it, Magento would drop the captures that wait when the module is disabled.
 */
class KeepTablesUnlisted
{
    private const MODULE = 'MagentoEventBridge_Agent';
    private const WHITELIST = '/db_schema_whitelist.json';

    /**
     * @var Dir
     */
    private $folders;

    /**
     * @var File
     */
    private $files;

    /**
     * @param Dir $folders
     * @param File $files
     */
    public function __construct(Dir $folders, File $files)
    {
        $this->folders = $folders;
        $this->files = $files;
    }

    /**
     * Removes the file after it was written, for this module or for all.
     *
     * @param \Magento\Developer\Model\Setup\Declaration\Schema\WhitelistGenerator $subject
     * @param mixed $result
     * @return mixed
     */
    public function afterGenerate($subject, $result)
    {
        $whitelist = $this->folders->getDir(self::MODULE, Dir::MODULE_ETC_DIR) . self::WHITELIST;
        if ($this->files->isExists($whitelist)) {
            $this->files->deleteFile($whitelist);
        }

        return $result;
    }
}
