<?php

/**
 * Lets the agent's classes run without Magento: its own classes are loaded as Magento would, and the
 * few of Magento's that it needs are replaced by doubles.
 */
declare(strict_types=1);

error_reporting(E_ALL);

spl_autoload_register(function (string $class): void {
    $prefix = 'MagentoEventBridge\\Agent\\';
    if (strpos($class, $prefix) === 0) {
        $file = dirname(__DIR__) . '/' . str_replace('\\', '/', substr($class, strlen($prefix))) . '.php';
        if (is_file($file)) {
            require $file;
        }
    }
});

require __DIR__ . '/Doubles/magento.php';
